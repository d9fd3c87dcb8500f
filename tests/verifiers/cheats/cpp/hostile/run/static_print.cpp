// Must be: forbidden
// Prints answers before main.
#include <cstdio>
int early = (puts("i10"), puts("i26"), fflush(stdout), 1);
int solve(int n) { return 0; }
