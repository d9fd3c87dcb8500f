// Must be: syntax, time, memory
// A constant that is never computed.
constexpr int forever() {
  int x = 0;
  while (true) x ^= 1;
  return x;
}
constexpr int value = forever();
int solve(int n) { return value; }
