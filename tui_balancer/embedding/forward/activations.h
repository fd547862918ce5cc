/* Activations of a vector of float32. */

#include "vectors.h"

/* As `activations.py` numbers them. */
enum { NONE, GELU, GELU_TANH, RELU, SILU };

/* Numbers not farther from 0 than `limit`. */
INLINE floats within(floats numbers, floats limit) {
  return -at_least(-at_least(numbers, -limit), -limit);
}

/* x times 1 / (1 + e^-y), where y = x times this. */
INLINE floats times_sigmoid(floats x, floats this) {
  const floats exponent = x * this * splat(-1.44269504f);
  return x / (splat(1.0f) + power_of_two(within(exponent, splat(126.0f))));
}

/* x times the normal distribution's integral: 1/2 and a rational function, odd, whose largest error
 * on [-5.6, 5.6] is smallest, 9.3e-9; beyond, it stays what it is there. */
INLINE floats gelu(floats x) {
  const floats near = within(x, splat(5.6f)), square = near * near;
  floats above = splat(2.21453049e-8f), below = splat(1.18021217e-6f);
  above = above * square + splat(6.35653763e-6f);
  below = below * square + splat(7.51020711e-5f);
  above = above * square + splat(1.73851143e-4f);
  below = below * square + splat(1.91298047e-3f);
  above = above * square + splat(4.70726190e-3f);
  below = below * square + splat(2.89401095e-2f);
  above = above * square + splat(3.43761441e-2f);
  below = below * square + splat(2.52833928e-1f);
  above = above * square + splat(3.98942222e-1f);
  below = below * square + splat(1.0f);
  return x * (splat(0.5f) + near * above / below);
}

INLINE floats activated(floats x, long activation) {
  switch (activation) {
    case GELU:
      return gelu(x);
    case GELU_TANH: /* The hyperbolic tangent is a sigmoid of twice the argument. */
      return times_sigmoid(x, splat(1.59576912f) + splat(0.0713548163f) * x * x);
    case RELU:
      return at_least(x, splat(0.0f));
    case SILU:
      return times_sigmoid(x, splat(1.0f));
    default:
      return x;
  }
}
