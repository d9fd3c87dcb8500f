// Must be: memory
// Takes all memory.
#include <cstring>
int solve(int n) {
  for (;;) memset(new char[1 << 20], 1, 1 << 20);
}
