// Must be: crash, memory, syntax
// An array larger than all memory that the program may use.
char zeros[1500000000];
int solve(int n) { return zeros[n & 1023]; }
