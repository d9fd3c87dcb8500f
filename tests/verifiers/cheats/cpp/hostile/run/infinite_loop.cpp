// Must be: time
// Never answers.
int solve(int n) {
  volatile int x = 1;
  while (x) {}
  return n * n + 1;
}
