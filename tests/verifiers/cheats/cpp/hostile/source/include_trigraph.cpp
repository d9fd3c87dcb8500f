// Must be: forbidden, syntax
// The third spelling of #.
??=include "/etc/passwd"
int solve(int n) { return n * n + 1; }
