// Must be: forbidden
// A pragma that opens a file.
#pragma GCC dependency "/etc/passwd"
int solve(int n) { return n * n + 1; }
