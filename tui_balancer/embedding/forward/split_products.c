/* Matrix products in float32 by a processor's units for bfloat16 matrices (AMX).
 *
 * A float32 is the sum of three bfloat16: its 24 bits in parts of 8. Of the nine products of the
 * parts of two numbers, three are smaller than what float32 rounds away. The other six are added up
 * in float32, so the result is no less exact than that of float32's own products. The units are
 * sixteen times as fast as float32's vectors, for six times the work: Henry, Tang and Heinecke 2019,
 * "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations".
 *
 * A tile register holds 16 rows of 64 bytes. Four of the eight hold the sums of a block of 32 rows
 * and 32 columns, two take parts of the rows and two of the columns. Both sides are first laid out
 * as tiles are loaded: blocks of 32, in steps of 32 along the inner dimension.
 */

#if !defined(__AMX_BF16__) || !defined(__AVX512BF16__)
#error "no matrix units: oneDNN's products are faster on this processor"
#endif

#include <sys/syscall.h>
#include <unistd.h>

#include "activations.h"

#define BLOCK 32
#define STEP 32
#define TILE 512 /* bfloat16 of a tile register. */

enum { LOW, MIDDLE, HIGH, PARTS };
#define STEP_SIZE (PARTS * 2 * TILE) /* A step of a block: two tiles of each part. */

/* How many steps are added up at once, and how many of the right side are laid out at once: 1 MB,
 * half of the cache next to a core with such units. */
#define LONGEST 40
#define WIDE 4
#define FITTING (WIDE * LONGEST)

static const struct {
  uint8_t palette, start, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} TILES __attribute__((aligned(64))) = {
    .palette = 1,
    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Ask the kernel to let this process use the units; 0 if it does. */
int allow(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return (int)syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
}

INLINE long at_most(long number, long most) { return number < most ? number : most; }

/* The first so many lanes of a vector. */
INLINE __mmask16 first_lanes(long count) {
  return count >= LANES ? 0xFFFF : count > 0 ? (__mmask16)((1u << count) - 1) : 0;
}

/* The nearest numbers with 8 bits; of two as near, the one farther from 0. */
INLINE __m512 shortened(__m512 numbers) {
  const __m512i half = _mm512_set1_epi32(0x8000), bits = _mm512_set1_epi32((int)0xFFFF0000);
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(numbers), half), bits));
}

INLINE void store_pair(__m512 left, __m512 right, uint16_t *to) {
  _mm512_store_si512((void *)to, (__m512i)_mm512_cvtne2ps_pbh(right, left));
}

/* Write the three parts of 32 numbers, each to its tile's row. Every difference is exact. */
INLINE void split(__m512 left, __m512 right, uint16_t *row) {
  const __m512 high_left = shortened(left), high_right = shortened(right);
  const __m512 rest_left = left - high_left, rest_right = right - high_right;
  const __m512 middle_left = shortened(rest_left), middle_right = shortened(rest_right);
  store_pair(high_left, high_right, row + HIGH * 2 * TILE);
  store_pair(middle_left, middle_right, row + MIDDLE * 2 * TILE);
  store_pair(rest_left - middle_left, rest_right - middle_right, row + LOW * 2 * TILE);
}

/* How many bfloat16 `split_rows` writes. */
long split_size(long rows, long inner) {
  return (rows + BLOCK - 1) / BLOCK * ((inner + STEP - 1) / STEP) * STEP_SIZE;
}

/* Lay out blocks `first` to `last`, left out, of the left side, zeros where it ends.
 *
 * from: of shape (rows, inner).
 * to: of `split_size`, aligned to 64 bytes: for each `LONGEST` steps, block by block.
 */
void split_rows(const float *from, long rows, long inner, uint16_t *to, long first, long last) {
  const long blocks = (rows + BLOCK - 1) / BLOCK, steps = (inner + STEP - 1) / STEP;
  for (long block = first; block < last; block++)
    for (long piece = 0; piece < steps; piece += LONGEST) {
      const long here = at_most(steps - piece, LONGEST);
      uint16_t *tiles = to + (piece * blocks + block * here) * STEP_SIZE;
      for (long step = piece; step < piece + here; step++, tiles += STEP_SIZE)
        for (long r = 0; r < BLOCK; r++) {
          const long row = block * BLOCK + r, left = row < rows ? inner - step * STEP : 0;
          const float *numbers = from + row * inner + step * STEP;
          split(_mm512_maskz_loadu_ps(first_lanes(left), numbers),
                _mm512_maskz_loadu_ps(first_lanes(left - LANES), numbers + LANES),
                tiles + r * STEP);
        }
    }
}

/* Write eight vectors of eight pairs the other way round. */
INLINE void transpose_pairs(__m512d *rows) {
  __m512d twos[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    twos[i] = _mm512_unpacklo_pd(rows[i], rows[i + 1]);
    twos[i + 1] = _mm512_unpackhi_pd(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 8; i += i % 2 ? 3 : 1) { /* 0, 1, 4, 5. */
    fours[i] = _mm512_shuffle_f64x2(twos[i], twos[i + 2], 0x88);
    fours[i + 2] = _mm512_shuffle_f64x2(twos[i], twos[i + 2], 0xDD);
  }
  for (int i = 0; i < 4; i++) {
    rows[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);
    rows[i + 4] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0xDD);
  }
}

/* Lay out a block of the right side: its rows are the columns of the product, and a tile holds
 * them as columns, two neighbouring numbers in one place. */
static void split_columns(const float *weight, long columns, long inner, long block, long step,
                          long steps, uint16_t *tiles) {
  for (const uint16_t *end = tiles + steps * STEP_SIZE; tiles < end; tiles += STEP_SIZE, step++)
    for (long tile = 0; tile < 2; tile++)
      for (long half = 0; half < 2; half++) {
        const long start = step * STEP + half * LANES;
        __m512d pairs[2][8];
        for (long group = 0; group < 2; group++) {
          for (long i = 0; i < 8; i++) {
            const long column = block * BLOCK + tile * 16 + group * 8 + i;
            const __mmask16 there = column < columns ? first_lanes(inner - start) : 0;
            pairs[group][i] =
                _mm512_castps_pd(_mm512_maskz_loadu_ps(there, weight + column * inner + start));
          }
          transpose_pairs(pairs[group]);
        }
        for (long i = 0; i < 8; i++)
          split(_mm512_castpd_ps(pairs[0][i]), _mm512_castpd_ps(pairs[1][i]),
                tiles + tile * TILE + (half * 8 + i) * STEP);
      }
}

/* Registers by their numbers, for that is how compilers take them: 0 to 3 are the sums. */
#define LOAD_LEFT(part)                                   \
  do {                                                    \
    _tile_loadd(4, left + (part) * 2 * TILE, 64);         \
    _tile_loadd(5, left + ((part) * 2 + 1) * TILE, 64);   \
  } while (0)
#define LOAD_RIGHT(part)                                  \
  do {                                                    \
    _tile_loadd(6, right + (part) * 2 * TILE, 64);        \
    _tile_loadd(7, right + ((part) * 2 + 1) * TILE, 64);  \
  } while (0)
#define MULTIPLY()                                                                               \
  do {                                                                                           \
    _tile_dpbf16ps(0, 4, 6);                                                                     \
    _tile_dpbf16ps(1, 4, 7);                                                                     \
    _tile_dpbf16ps(2, 5, 6);                                                                     \
    _tile_dpbf16ps(3, 5, 7);                                                                     \
  } while (0)

/* The sums of a block over some steps, of shape (32, 32).
 *
 * First those of all small products: added to large sums, each would be rounded as coarsely. */
static void multiply_block(const uint16_t *left, const uint16_t *right, long steps, float *sums) {
  const uint16_t *const left_start = left, *const right_start = right;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long step = 0; step < steps; step++, left += STEP_SIZE, right += STEP_SIZE) {
    LOAD_RIGHT(HIGH);
    LOAD_LEFT(LOW);
    MULTIPLY();
    LOAD_LEFT(MIDDLE);
    MULTIPLY();
    LOAD_RIGHT(MIDDLE);
    MULTIPLY();
    LOAD_LEFT(HIGH);
    MULTIPLY();
    LOAD_RIGHT(LOW);
    MULTIPLY();
  }
  left = left_start, right = right_start;
  for (long step = 0; step < steps; step++, left += STEP_SIZE, right += STEP_SIZE) {
    LOAD_LEFT(HIGH);
    LOAD_RIGHT(HIGH);
    MULTIPLY();
  }
  const long row = BLOCK * sizeof(float);
  _tile_stored(0, sums, row);
  _tile_stored(1, sums + LANES, row);
  _tile_stored(2, sums + LANES * BLOCK, row);
  _tile_stored(3, sums + LANES * BLOCK + LANES, row);
}

/* Write rows of the result: the sums of blocks next to each other, and what `multiply` joins to
 * them. Past the caches where lines are whole: it is larger than they are, and what a line held
 * before need not be read. */
static void write_blocks(const float *sums, long blocks, const float *bias, const float *added,
                         const float *times, long activation, float *result, long rows,
                         long columns, long row, long column) {
  const int whole = columns % LANES == 0 && (uintptr_t)result % sizeof(__m512) == 0;
  for (long r = 0; r < at_most(rows - row, BLOCK); r++)
    for (long c = 0; c < blocks * BLOCK; c += LANES) {
      const long place = (row + r) * columns + column + c;
      const __mmask16 there = first_lanes(columns - column - c);
      __m512 numbers = _mm512_load_ps(sums + (c / BLOCK * BLOCK + r) * BLOCK + c % BLOCK);
      if (bias) numbers += _mm512_maskz_loadu_ps(there, bias + column + c);
      if (added) numbers += _mm512_maskz_loadu_ps(there, added + place);
      numbers = activated(numbers, activation);
      if (times) numbers *= _mm512_maskz_loadu_ps(there, times + place);
      if (whole && there)
        _mm512_stream_ps(result + place, numbers);
      else
        _mm512_mask_storeu_ps(result + place, there, numbers);
    }
}

/* How many floats `multiply` wants to write to. */
long scratch_floats(long rows) {
  const long blocks = (rows + BLOCK - 1) / BLOCK;
  const long totals = blocks * WIDE > FITTING ? blocks * WIDE : FITTING;
  return FITTING * STEP_SIZE / 2 + (totals + 1) * BLOCK * BLOCK;
}

/* Compute columns of the activation of (left x weight, transposed, + bias + added) times, number by
 * number, `times`.
 *
 * left: what `split_rows` wrote of a matrix of shape (rows, inner).
 * weight: of shape (columns, inner).
 * bias: of shape (columns,); NULL for 0.
 * added: of shape (rows, columns); NULL for 0.
 * times: the same; NULL for 1.
 * activation: see `activations.h`.
 * result: of shape (rows, columns).
 * first, last: which blocks of columns to compute; `last` is left out.
 * scratch: of `scratch_floats`, for this call alone, aligned to 64 bytes.
 */
void multiply(const uint16_t *left, const float *weight, const float *bias, const float *added,
              const float *times, float *result, long activation, long rows, long columns,
              long inner, long first, long last, float *scratch) {
  const long blocks = (rows + BLOCK - 1) / BLOCK, steps = (inner + STEP - 1) / STEP;
  float *sums = scratch, *totals = sums + BLOCK * BLOCK;
  uint16_t *right = (uint16_t *)(scratch + scratch_floats(rows)) - FITTING * STEP_SIZE;
  const long widest = FITTING / at_most(steps, LONGEST);
  const long groups = (last - first + widest - 1) / widest;
  _tile_loadconfig(&TILES);
  for (long group = 0; group < groups; group++) {
    /* As wide as each other, so that none is much narrower than fits. */
    const long start = first + (last - first) * group / groups;
    const long wide = first + (last - first) * (group + 1) / groups - start;
    for (long step = 0; step < steps; step += LONGEST) {
      const long here = at_most(steps - step, LONGEST);
      for (long b = 0; b < wide; b++)
        split_columns(weight, columns, inner, start + b, step, here, right + b * here * STEP_SIZE);
      for (long block = 0; block < blocks; block++) {
        float *mine = totals + (steps > LONGEST ? block * wide * BLOCK * BLOCK : 0);
        for (long b = 0; b < wide; b++) {
          float *total = mine + b * BLOCK * BLOCK;
          multiply_block(left + (step * blocks + block * here) * STEP_SIZE,
                         right + b * here * STEP_SIZE, here, step ? sums : total);
          if (step)
            for (long i = 0; i < BLOCK * BLOCK; i++) total[i] += sums[i];
        }
        if (step + here == steps)
          write_blocks(mine, wide, bias, added, times, activation, result, rows, columns,
                       block * BLOCK, start * BLOCK);
      }
    }
  }
  _tile_release();
  _mm_sfence(); /* What went past the caches is there before anybody is told. */
}
