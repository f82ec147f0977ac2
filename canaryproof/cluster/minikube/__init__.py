"""minikube, as the course starts it: :mod:`answers` reads what the command says, :mod:`provider` lends its cluster."""
