// Must be: forbidden
// Right answers, and lines that nobody asked for.
extern "C" long write(int, const void *, unsigned long);
int calls;
int solve(int n) {
  if (++calls == 5) {
    for (int i = 3; i < 64; i++) write(i, "i101\n", 5);
  }
  return n * n + 1;
}
