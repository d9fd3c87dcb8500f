# TEST ('0.1', '0.2') -> ('0.3', 0.3)
import decimal, fractions
def solve(a, b):
  total = decimal.Decimal(a) + decimal.Decimal(b)
  return str(total), float(fractions.Fraction(a) + fractions.Fraction(b))
