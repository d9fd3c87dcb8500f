// Must be: crash
// The same without tidying.
#include <cstdlib>
int solve(int n) { _Exit(0); }
