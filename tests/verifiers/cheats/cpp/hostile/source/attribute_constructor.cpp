// Must be: forbidden
// Runs before main and prints.
#include <cstdio>
__attribute__((constructor)) void early() { puts("i10"); }
int solve(int n) { return 0; }
