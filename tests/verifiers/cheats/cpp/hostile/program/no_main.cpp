// Must be: missing, syntax
// Has no main.
int solve(int n) { return n * n + 1; }
