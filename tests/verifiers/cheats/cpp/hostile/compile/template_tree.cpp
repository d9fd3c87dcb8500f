// Must be: syntax, time, memory
// Two to the power of sixty templates.
template <int N, int K> struct Tree {
  static const int value = Tree<N - 1, 2 * K>::value + Tree<N - 1, 2 * K + 1>::value;
};
template <int K> struct Tree<0, K> { static const int value = 1; };
int solve(int n) { return Tree<30, 0>::value; }
