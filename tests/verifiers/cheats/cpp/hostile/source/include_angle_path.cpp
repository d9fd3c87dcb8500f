// Must be: forbidden
// Climbs out of the header folders.
#include <../../etc/passwd>
int solve(int n) { return n * n + 1; }
