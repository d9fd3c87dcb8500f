// Must be: syntax
// Prints text of its own as an error.
#error passed passed passed
int solve(int n) { return n * n + 1; }
