// Must be: output, time
// Prints without an end.
#include <cstdio>
int solve(int n) {
  for (;;) puts("passed");
}
