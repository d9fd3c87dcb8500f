// Must be: syntax, time, memory, output
// Half a gigabyte of constants.
struct Block { int value[1 << 14] = {1, 2, 3}; };
const Block blocks[1 << 13] = {};
int solve(int n) { return blocks[n & 8191].value[2]; }
