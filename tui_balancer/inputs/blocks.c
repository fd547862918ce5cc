/* Whole FASTA records divided into ids and letters, and hashes of pieces of a text.
 *
 * `blocks.py` says the same in Python, and its tests hold the two together, byte by byte.
 */

#include <stdint.h>
#include <string.h>

/* What a block has: a NUL or a carriage return, bytes beyond ASCII, other letters than capitals of
 * the alphabet, and letters that words have but hardly a protein. */
enum { CONTROL = 1, FOREIGN = 2, OTHERS = 4, WORDS = 8 };

static uint64_t mixed(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* In the manner of wyhash (Wang Yi, public domain). */
uint64_t hash_piece(const char *at, long left) {
    const uint64_t first = 0xa0761d6478bd642fu, second = 0xe7037ed1a0b428dbu;
    uint64_t hash = mixed(left ^ first, second), words[2];
    for (; left >= 16; left -= 16, at += 16) {
        memcpy(words, at, 16);
        hash = mixed(words[0] ^ second, words[1] ^ hash);
    }
    memset(words, 0, 16);
    memcpy(words, at, left);
    hash = mixed(words[0] ^ second, words[1] ^ hash);
    return mixed(hash ^ first, second);
}

void hash_pieces(const char *text, const int64_t *begins, const int64_t *lengths, long count,
                 uint64_t *hashes) {
    for (long piece = 0; piece < count; piece++)
        hashes[piece] = hash_piece(text + begins[piece], lengths[piece]);
}

/* Return how many letters, capitals, no nucleic acid has; of more than enough, perhaps not all. */
long others(const char *letters, long size, double enough) {
    const uint32_t bases = 1 << ('A' - 'A') | 1 << ('C' - 'A') | 1 << ('G' - 'A') |
                           1 << ('N' - 'A') | 1 << ('T' - 'A') | 1 << ('U' - 'A');
    long found = 0;
    for (long at = 0; at < size && found <= enough;)
        for (long end = at + 1024 < size ? at + 1024 : size; at < end; at++)
            found += ~(bases >> (letters[at] - 'A')) & 1;
    return found;
}

/* Return whether two letters, also small ones, are absent. */
static int lacks(const char *letters, long size, char one, char other) {
    return !memchr(letters, one, size) && !memchr(letters, other, size) &&
           !memchr(letters, one | 32, size) && !memchr(letters, other | 32, size);
}

static int facts_of(const unsigned char *block, long size, const unsigned char *letters,
                    long count, const char *absent) {
    unsigned char control = 0, foreign = 0, others = 0, words = 0;
    for (long at = 0; at < size; at++) {
        control |= (block[at] == 0) | (block[at] == '\r');
        foreign |= block[at] >> 7;
    }
    for (long at = 0; at < count; at++) {
        unsigned char capital = letters[at] & ~32;
        others |= (unsigned char)(letters[at] - 'A') > 'Z' - 'A';
        words |= (capital == 'O') | (capital == 'U');
    }
    for (; *absent && !others; absent++)
        others = memchr(letters, *absent, count) != NULL;
    return CONTROL * control | FOREIGN * foreign | OTHERS * others | WORDS * words;
}

/* Return how many `>` there are: no fewer than records. */
long headers(const char *block, long size) {
    long found = 0;
    for (long at = 0; at < size;) {
        /* So few that a byte counts them. */
        unsigned char few = 0;
        for (long end = at + 255 < size ? at + 255 : size; at < end; at++)
            few += block[at] == '>';
        found += few;
    }
    return found;
}

/* Divide a block; return the number of its records, or -1 if a header has no plain id.
 *
 * stars: Whether `*` at the end of a sequence is left out.
 * absent: Capitals that are not in the alphabet.
 * letters: Gets the sequences' letters, one after the other: at most `size`.
 * numbers: Gets six rows of `most` numbers, one for each record: where its letters begin, how many
 *     they are, the same of its id, its hash, and whether F and Q are absent.
 * most: No fewer than there are `>`.
 * facts: Gets what the block has.
 */
long divide(const char *block, long size, int stars, const char *absent, char *letters,
            int64_t *numbers, long most, int64_t *facts) {
    int64_t *begins = numbers, *lengths = begins + most, *id_begins = lengths + most;
    int64_t *id_lengths = id_begins + most, *id_hashes = id_lengths + most;
    int64_t *coded = id_hashes + most;
    const char *at = block, *end = block + size;
    char *to = letters;
    long count = 0;
    if (at < end && *at == '\n')
        at++;
    for (; at < end; count++) {
        if (*at++ != '>')
            return -1;
        const char *id = at;
        while (at < end && *at >= '!' && *at <= '~')
            at++;
        if (at == id || (at < end && *at != ' ' && *at != '\t' && *at != '\n'))
            return -1;
        id_begins[count] = id - block;
        id_lengths[count] = at - id;
        id_hashes[count] = hash_piece(id, at - id);
        at = at < end ? memchr(at, '\n', end - at) : NULL;
        at = at ? at + 1 : end;
        char *first = to;
        while (at < end && *at != '>') {
            const char *feed = memchr(at, '\n', end - at);
            long length = (feed ? feed : end) - at;
            memcpy(to, at, length);
            to += length;
            at += feed ? length + 1 : length;
        }
        while (stars && to > first && to[-1] == '*')
            to--;
        begins[count] = first - letters;
        lengths[count] = to - first;
        coded[count] = lacks(first, to - first, 'F', 'Q');
    }
    *facts = facts_of((const unsigned char *)block, size, (const unsigned char *)letters,
                      to - letters, absent);
    return count;
}
