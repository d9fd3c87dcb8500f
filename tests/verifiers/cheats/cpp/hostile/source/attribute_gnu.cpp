// Must be: forbidden
// The same in the standard spelling.
#include <cstdio>
[[gnu::constructor]] void early() { puts("i10"); }
int solve(int n) { return 0; }
