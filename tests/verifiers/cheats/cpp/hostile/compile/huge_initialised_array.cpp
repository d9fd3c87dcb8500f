// Must be: syntax, time, memory, output
// A program of eight gigabytes.
long numbers[1 << 30] = {1};
int solve(int n) { return numbers[0]; }
