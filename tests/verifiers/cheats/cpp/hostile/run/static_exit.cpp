// Must be: crash
// Ends before main with success.
#include <cstdlib>
int early = (exit(0), 1);
int solve(int n) { return n * n + 1; }
