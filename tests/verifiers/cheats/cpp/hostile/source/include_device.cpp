// Must be: forbidden
// Includes a device without an end.
#include "/dev/zero"
int solve(int n) { return n * n + 1; }
