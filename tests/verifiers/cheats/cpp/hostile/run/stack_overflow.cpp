// Must be: crash
// Recurses without an end.
int solve(int n) {
  volatile char frame[1000];
  frame[0] = n;
  return solve(n + 1) + frame[0];
}
