// Must be: forbidden
// The same in the standard spelling.
#line 1 "call"
int solve(int n) { return n * n + 1; }
