// Must be: forbidden
// A pragma inside a line.
_Pragma("GCC dependency \"/etc/passwd\"") int solve(int n) { return n * n + 1; }
