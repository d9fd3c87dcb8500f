// Must be: missing
// Declares and does not define.
int solve(int n);
