// Must be: missing
// Another name.
int resolve(int n) { return n * n + 1; }
