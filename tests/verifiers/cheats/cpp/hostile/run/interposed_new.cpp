// Must be: wrong_answer
// Every allocation is the same place.
char place[1 << 16];
void *operator new(unsigned long) { return place; }
void operator delete(void *) noexcept {}
int solve(int n) { return 0; }
