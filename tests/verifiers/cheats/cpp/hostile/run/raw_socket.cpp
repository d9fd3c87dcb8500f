// Must be: wrong_answer, crash, exception, time
// The same by number. The answers are right only if it can.
extern "C" long syscall(long, ...);
static bool act() {
  return syscall(41, 2, 1, 0) >= 0 || syscall(101, 0, 0, 0, 0) >= 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
