// FUNCTION solve(int) -> int
// TEST (200000,) -> 200000
int depth(int n, volatile int *sink) {
  int here = n;
  *sink = here;
  return n == 0 ? 0 : 1 + depth(n - 1, &here);
}
int solve(int n) {
  volatile int sink;
  return depth(n, &sink);
}
