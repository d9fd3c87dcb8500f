// Must be: time
// Never comes to main.
int spin() {
  volatile int x = 1;
  while (x) {}
  return x;
}
int early = spin();
int solve(int n) { return n * n + 1; }
