// Must be: output, time
// Prints errors without an end.
#include <cstdio>
int solve(int n) {
  for (;;) fputs("passed\n", stderr);
}
