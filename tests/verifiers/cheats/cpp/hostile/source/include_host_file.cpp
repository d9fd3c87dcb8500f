// Must be: forbidden
// Includes a file of the host.
#include "/etc/passwd"
int solve(int n) { return n * n + 1; }
