"""What a rendered chart may have, decided before anything is applied; pure."""
