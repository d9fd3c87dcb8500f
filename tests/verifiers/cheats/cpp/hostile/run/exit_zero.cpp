// Must be: crash
// Ends with success.
#include <cstdlib>
int solve(int n) { exit(0); }
