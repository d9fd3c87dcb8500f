// Must be: wrong_answer, crash, forbidden, exception
// Jumps out of the call back into an earlier one.
#include <csetjmp>
std::jmp_buf place;
int calls;
int solve(int n) {
  if (calls++ == 0) {
    if (setjmp(place) == 0) return 10;
    return 26;
  }
  std::longjmp(place, 1);
}
