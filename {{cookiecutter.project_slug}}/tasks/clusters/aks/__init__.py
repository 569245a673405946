"""A cluster on Azure Kubernetes Service (AKS), in projects whose cloud is Azure."""
