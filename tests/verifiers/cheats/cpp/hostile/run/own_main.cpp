// Must be: wrong_answer
// A main that prints answers.
#include <cstdio>
int solve(int n) { return 0; }
int main() {
  for (int i = 0; i < 5; i++) puts("i10");
}
