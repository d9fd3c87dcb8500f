// Must be: crash
// Writes where nothing is.
int solve(int n) {
  volatile int *p = nullptr;
  *p = 1;
  return n * n + 1;
}
