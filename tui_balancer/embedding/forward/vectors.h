/* Vectors of float32 as wide as the processor's, and what several files need of them.
 *
 * Arithmetic and comparisons are those that gcc and clang share; what they have no sign for has one
 * name here for every processor.
 */

#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define LANES 16
#define LARGER _mm512_max_ps
#elif defined(__AVX__)
#include <immintrin.h>
#define LANES 8
#define LARGER _mm256_max_ps
#elif defined(__aarch64__)
#include <arm_neon.h>
#define LANES 4
#define LARGER vmaxq_f32
#else
#error "torch's own functions are faster on this processor"
#endif

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef float anywhere __attribute__((vector_size(4 * LANES), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

INLINE floats splat(float number) { return number - (floats){0}; }

/* Where `floor` is larger, it; what is not a number stays what it is. One instruction, which
 * compilers do not find in a comparison of vectors. */
INLINE floats at_least(floats numbers, floats floor) { return (floats)LARGER(floor, numbers); }

/* 2^x for x from -126 to 127: 2^round(x) by its exponent's bits, the rest by the polynomial of
 * degree 5 whose largest relative error is smallest, 7.5e-8. */
INLINE floats power_of_two(floats x) {
  const floats shift = splat(0x1.8p23f); /* What is added to it is rounded to a whole number. */
  const floats shifted = x + shift;
  const floats rest = x - (shifted - shift);
  floats power = splat(1.32764720e-3f);
  power = power * rest + splat(9.67554150e-3f);
  power = power * rest + splat(5.55071328e-2f);
  power = power * rest + splat(2.40221197e-1f);
  power = power * rest + splat(6.93146967e-1f);
  power = power * rest + splat(1.00000007f);
  return (floats)((ints)power + ((ints)shifted << 23));
}
