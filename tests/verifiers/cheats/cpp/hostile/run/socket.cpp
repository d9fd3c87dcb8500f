// Must be: wrong_answer, crash, exception, time
// Opens a socket. The answers are right only if it can.
extern "C" int socket(int, int, int);
static bool act() {
  return socket(2, 1, 0) >= 0 || socket(2, 2, 0) >= 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
