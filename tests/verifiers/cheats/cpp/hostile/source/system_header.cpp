// Must be: forbidden
// A header of the system, not of the language.
#include <sys/ptrace.h>
int solve(int n) { return n * n + 1; }
