// Must be: forbidden
// Asks which files the host has.
#if __has_include("/etc/passwd")
int solve(int n) { return n * n + 1; }
#endif
