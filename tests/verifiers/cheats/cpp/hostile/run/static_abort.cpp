// Must be: crash
// The same by abort.
#include <cstdlib>
int early = (abort(), 1);
int solve(int n) { return n * n + 1; }
