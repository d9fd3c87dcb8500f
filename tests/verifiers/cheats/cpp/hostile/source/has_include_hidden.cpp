// Must be: forbidden
// The same through a macro.
#define ASK __has_include
#if ASK("/etc/passwd")
int solve(int n) { return n * n + 1; }
#endif
