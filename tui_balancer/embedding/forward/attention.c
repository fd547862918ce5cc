/* Softmax attention in float32 for a CPU, within each sequence of a packed batch, and the rotation
 * of queries and keys that goes before it.
 *
 * A vector's lanes are queries. A block of queries meets every key of its sequence, so the largest
 * score, the exponentials and their sum are found lane by lane, and both products of attention are
 * one and the same loop: a row of broadcast numbers times vectors that stay in registers. A bias
 * by the distance of two tokens is what the sums of the first product begin at: for neighbouring
 * queries it lies in neighbouring places of one row, so there is never a matrix of it.
 *
 * `compiled.py` compiles it for the processor at hand.
 */

#include <string.h>

#include "vectors.h"

/* As many rows of sums as the registers hold, next to the vectors that they are made of. */
#define ROWS (LANES == 8 ? 6 : 8)
#define VECTORS 2
#define BLOCK (LANES * VECTORS)

typedef float four __attribute__((vector_size(16), aligned(4)));

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t four_places __attribute__((vector_size(16)));
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (four_places){i, j, k, l})
#endif

/* Write a matrix of rows x columns the other way round, times a factor. */
INLINE void transpose(long rows, long columns, const float *from, long from_row, float *to,
                      long to_row, float factor) {
  for (long r = 0; r < rows; r += 4) {
    for (long c = 0; c < columns; c += 4) {
      const float *in = from + r * from_row + c;
      float *out = to + c * to_row + r;
      if (rows - r < 4 || columns - c < 4) {
        for (long i = 0; i < 4 && i < rows - r; i++)
          for (long j = 0; j < 4 && j < columns - c; j++)
            out[j * to_row + i] = in[i * from_row + j] * factor;
        continue;
      }
      const four a = *(const four *)in, b = *(const four *)(in + from_row);
      const four c_ = *(const four *)(in + 2 * from_row), d = *(const four *)(in + 3 * from_row);
      const four ab = PICK(a, b, 0, 4, 1, 5), ab_ = PICK(a, b, 2, 6, 3, 7);
      const four cd = PICK(c_, d, 0, 4, 1, 5), cd_ = PICK(c_, d, 2, 6, 3, 7);
      *(four *)out = PICK(ab, cd, 0, 1, 4, 5) * factor;
      *(four *)(out + to_row) = PICK(ab, cd, 2, 3, 6, 7) * factor;
      *(four *)(out + 2 * to_row) = PICK(ab_, cd_, 0, 1, 4, 5) * factor;
      *(four *)(out + 3 * to_row) = PICK(ab_, cd_, 2, 3, 6, 7) * factor;
    }
  }
}

/* A few rows of left x right, the sums in registers; the largest of each lane goes to `largest`.
 *
 * bias: What the lanes of the first row begin at, and one float before that those of the next row;
 * NULL for 0.
 */
INLINE void few_rows(int rows, int vectors, long depth, const float *left, long row, long step,
                     const floats *right, const float *bias, floats *result, floats *largest) {
  floats sums[ROWS][VECTORS];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++)
      sums[r][v] = bias ? *(const anywhere *)(bias - r + v * LANES) : splat(0);
  for (long k = 0; k < depth; k++) {
    floats here[VECTORS];
    for (int v = 0; v < vectors; v++) here[v] = right[k * VECTORS + v];
    for (int r = 0; r < rows; r++) {
      const floats number = splat(left[k * step + r * row]);
      for (int v = 0; v < vectors; v++) sums[r][v] += number * here[v];
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < vectors; v++) {
      result[r * VECTORS + v] = sums[r][v];
      largest[v] = at_least(largest[v], sums[r][v]);
    }
}

/* left x right: `rows` rows of `left`, `row` floats apart, whose numbers lie `step` floats apart;
 * `bias` as for `few_rows`. */
INLINE void product(int vectors, long rows, long depth, const float *left, long row, long step,
                    const floats *right, const float *bias, floats *result, floats *largest) {
  long r = 0;
#define FEW(count)                                                            \
  few_rows(count, vectors, depth, left + r * row, row, step, right, bias ? bias - r : NULL, \
           result + r * VECTORS, largest)
  for (; r + ROWS <= rows; r += ROWS) FEW(ROWS);
  for (; r + 4 <= rows; r += 4) FEW(4);
  for (; r < rows; r++) FEW(1);
#undef FEW
}

/* The queries of a block, one a lane, with all tokens of their sequence. */
INLINE void attend_block(int vectors, long tokens, long width, const floats *queries,
                         const float *keys, const float *values, const float *bias, floats *scores,
                         floats *result) {
  floats largest[VECTORS], sums[VECTORS], unused[VECTORS];
  for (int v = 0; v < VECTORS; v++) {
    largest[v] = splat(-3e38f);
    sums[v] = unused[v] = splat(0);
  }
  product(vectors, tokens, width, keys, width, 1, queries, bias, scores, largest);
  for (long t = 0; t < tokens; t++)
    for (int v = 0; v < vectors; v++) {
      /* Less than 2^-126 of the largest is as good as nothing, and below what floats hold. */
      const floats less = at_least(scores[t * VECTORS + v] - largest[v], splat(-126.0f));
      const floats share = power_of_two(less);
      scores[t * VECTORS + v] = share;
      sums[v] += share;
    }
  product(vectors, width, tokens, values, 1, width, scores, NULL, result, unused);
  for (long d = 0; d < width; d++)
    for (int v = 0; v < vectors; v++) result[d * VECTORS + v] /= sums[v];
}

/* Two vectors at once where there are queries for them. */
static void attend_two(long tokens, long width, const floats *queries, const float *keys,
                       const float *values, const float *bias, floats *scores, floats *result) {
  if (bias)
    attend_block(2, tokens, width, queries, keys, values, bias, scores, result);
  else
    attend_block(2, tokens, width, queries, keys, values, NULL, scores, result);
}

static void attend_one(long tokens, long width, const floats *queries, const float *keys,
                       const float *values, const float *bias, floats *scores, floats *result) {
  if (bias)
    attend_block(1, tokens, width, queries, keys, values, bias, scores, result);
  else
    attend_block(1, tokens, width, queries, keys, values, NULL, scores, result);
}

/* How many floats `attend` wants to write to, for sequences of so many tokens at most. */
long scratch_floats(long longest, long width) {
  return BLOCK * (longest + 2 * width) + 2 * longest * width + 2 * longest + BLOCK;
}

/* Attend within sequences, head by head.
 *
 * query, key, value, result: of shape (tokens of the batch, heads, width).
 * bounds: where each sequence begins, and the last one ends.
 * first, last: which of the pairs of sequence and head, sequence by sequence; `last` is left out.
 * scale: what the products of queries and keys are multiplied by.
 * bias: what is added to them; of shape (heads, 2 reach + 1), at `reach` + key - query. `reach` is
 *   at least `longest` - 1. NULL for none.
 * scratch: of `scratch_floats`, for this call alone, aligned to 64 bytes.
 */
void attend(const float *query, const float *key, const float *value, float *result,
            const int32_t *bounds, long heads, long width, long first, long last, long longest,
            double scale, const float *bias, long reach, float *scratch) {
  floats *scores = (floats *)scratch;
  floats *queries = scores + longest * VECTORS, *block = queries + width * VECTORS;
  float *keys = (float *)(block + width * VECTORS), *values = keys + longest * width;
  float *biases = values + longest * width;
  const long row = heads * width;
  /* Softmax by powers of two: 2^(x log2 e) is e^x. */
  const double base = 1.44269504088896341;
  memset(queries, 0, sizeof(floats) * width * VECTORS);
  for (long pair = first; pair < last; pair++) {
    const long sequence = pair / heads, tokens = bounds[sequence + 1] - bounds[sequence];
    const long start = bounds[sequence] * row + pair % heads * width;
    for (long t = 0; t < tokens; t++) {
      memcpy(keys + t * width, key + start + t * row, width * sizeof(float));
      memcpy(values + t * width, value + start + t * row, width * sizeof(float));
    }
    if (bias) {
      /* The other way round, at tokens - 1 + query - key; after them, what empty lanes take. */
      const float *farthest = bias + pair % heads * (2 * reach + 1) + reach + tokens - 1;
      for (long d = 0; d < 2 * tokens - 1; d++) biases[d] = farthest[-d] * (float)base;
      memset(biases + 2 * tokens - 1, 0, BLOCK * sizeof(float));
    }
    for (long t = 0; t < tokens; t += BLOCK) {
      const long here = tokens - t < BLOCK ? tokens - t : BLOCK, at = start + t * row;
      transpose(here, width, query + at, row, (float *)queries, BLOCK, base * scale);
      (here > LANES ? attend_two : attend_one)(tokens, width, queries, keys, values,
                                               bias ? biases + tokens - 1 + t : NULL, scores, block);
      transpose(width, here, (float *)block, BLOCK, result + at, row, 1);
    }
  }
}

/* Rotate each pair of a head's dimensions, i and i + width/2, by its token's position, in place.
 *
 * states: of shape (tokens, heads, width).
 * turns: of shape (positions, width): the cosines of the angles, then their sines.
 */
void rotate(float *states, const int64_t *positions, const float *turns, long tokens, long heads,
            long width) {
  const long half = width / 2;
  for (long t = 0; t < tokens; t++) {
    const float *cosines = turns + positions[t] * width, *sines = cosines + half;
    for (long h = 0; h < heads; h++) {
      float *left = states + (t * heads + h) * width, *right = left + half;
      long i = 0;
      for (; i + 4 <= half; i += 4) {
        const four a = *(four *)(left + i), b = *(four *)(right + i);
        const four cosine = *(four *)(cosines + i), sine = *(four *)(sines + i);
        *(four *)(left + i) = a * cosine - b * sine;
        *(four *)(right + i) = b * cosine + a * sine;
      }
      for (; i < half; i++) {
        const float a = left[i], b = right[i];
        left[i] = a * cosines[i] - b * sines[i];
        right[i] = b * cosines[i] + a * sines[i];
      }
    }
  }
}
