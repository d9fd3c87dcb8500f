// Must be: exception
// Throws what is no exception.
int solve(int n) { throw 1; }
