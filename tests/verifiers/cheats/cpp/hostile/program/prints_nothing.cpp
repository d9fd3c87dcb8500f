// Must be: wrong_answer
// Ends with success.
int main() {}
