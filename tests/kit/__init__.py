"""What tests are made with: real servers and clients, cheap to have."""
