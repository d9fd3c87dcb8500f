// Must be: crash, memory
// Takes all memory and does not look.
#include <cstdlib>
#include <cstring>
int solve(int n) {
  for (;;) memset(malloc(1 << 20), 1, 1 << 20);
}
