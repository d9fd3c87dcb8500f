// Must be: forbidden
// The name of the file comes from a macro.
#define FILE "/etc/passwd"
#include FILE
int solve(int n) { return n * n + 1; }
