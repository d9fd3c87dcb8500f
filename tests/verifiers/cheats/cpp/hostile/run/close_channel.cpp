// Must be: crash
// Closes every descriptor.
extern "C" int close(int);
int solve(int n) {
  for (int i = 0; i < 256; i++) close(i);
  return n * n + 1;
}
