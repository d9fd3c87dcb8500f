// Must be: forbidden
// Another word for include.
#include_next <vector>
int solve(int n) { return n * n + 1; }
