"""What the service answers: `policies` decides changes of them, `shares` tells how supplies are divided and what is
left, `dividing` divides them on request.
"""
